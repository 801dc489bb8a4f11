import { Agents } from "./agents.tsx";
import { Beads } from "./beads.tsx";
import { MailBox } from "./mail.tsx";
import { Needs } from "./needs.tsx";
import { Reviews } from "./reviews.tsx";
import { Timeline } from "./timeline.tsx";
import { Vitals } from "./vitals.tsx";
import "../styles/board.css";

export const Board = () => (
  <div className="page">
    <h1 className="visually-hidden">The board</h1>
    <Vitals />
    <Needs />
    <div className="columns">
      <Agents />
      <Beads />
    </div>
    <div className="columns">
      <Reviews />
      <MailBox />
    </div>
    <Timeline />
  </div>
);
