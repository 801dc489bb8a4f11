import { Timeline } from "../board/timeline.tsx";
import "../styles/board.css";

/** What happened, over time. */
export default function RunPage() {
  return (
    <div className="page">
      <h1 className="visually-hidden">What happened</h1>
      <Timeline />
    </div>
  );
}
