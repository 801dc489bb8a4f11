import { MailBox } from "../board/mail.tsx";
import { Timeline } from "../board/timeline.tsx";
import "../styles/board.css";

/** Every fact that this page knows, over time; and the mail. */
export default function LogPage() {
  return (
    <div className="page">
      <h1 className="visually-hidden">Log and mail</h1>
      <Timeline />
      <div style={{ marginTop: 12 }}>
        <MailBox />
      </div>
    </div>
  );
}
