import { Welcome } from "../board/welcome.tsx";

/** All rigs. */
export const Overview = () => <Welcome />;
