import { Timeline } from "../board/timeline.tsx";
import "../styles/board.css";

/** What happened since somebody looked. */
export default function SincePage() {
  return (
    <div className="page">
      <h1 className="visually-hidden">Since you looked</h1>
      <Timeline />
    </div>
  );
}
