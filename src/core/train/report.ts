/** A train's report as the wire has it (src/wire/train.ts), in the part that the rig decides by. */

export interface CheckSeen {
  readonly name: string;
  readonly commandDigest: string;
  readonly verdict: "green" | "red";
  readonly why: string | null;
  readonly exit: number | null;
  readonly ms: number;
  readonly outputDigest: string;
  readonly words: string;
}

export interface RunSeen {
  readonly upTo: number | null;
  readonly verdict: "green" | "red" | "place";
  readonly checks: readonly CheckSeen[];
}

export interface LeftSeen {
  readonly entryId: string;
  readonly why: "conflict" | "protected" | "contained" | "missing" | "handed_over";
  readonly message: string;
  readonly commit: string | null;
  readonly tree: string | null;
  readonly files: readonly string[];
}

export interface PushSeen {
  readonly from: string;
  readonly to: string;
  readonly tree: string;
  readonly members: readonly {
    readonly entryId: string;
    readonly beadId: string;
    readonly handedIn: string;
    readonly commit: string;
  }[];
  readonly checks: readonly CheckSeen[];
  readonly boxed: boolean;
  readonly box?: string | undefined;
}

export interface TrainReport {
  readonly target: string | null;
  readonly left: readonly LeftSeen[];
  readonly runs: readonly RunSeen[];
  readonly pushed: PushSeen | null;
  /** Of trains before it, whose own report may never come. */
  readonly earlier?: readonly { readonly trainId: string; readonly pushed: PushSeen }[] | undefined;
  readonly stopped: { readonly class: "place" | "passing"; readonly code: string; readonly words: string } | null;
}
