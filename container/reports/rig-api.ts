/** Where on the rig API things are reported. */

export function agentUrl(
  apiUrl: string,
  rigId: string,
  agentId: string,
  what: "heartbeat" | "completed" | "done" | "asked",
): string {
  return `${base(apiUrl)}/api/rigs/${encodeURIComponent(rigId)}/agents/${encodeURIComponent(agentId)}/${what}`;
}

export function reviewUrl(apiUrl: string, rigId: string, entryId: string): string {
  return `${base(apiUrl)}/api/rigs/${encodeURIComponent(rigId)}/review-queue/${encodeURIComponent(entryId)}/complete`;
}

export function trainUrl(apiUrl: string, rigId: string, trainId: string): string {
  return `${base(apiUrl)}/api/rigs/${encodeURIComponent(rigId)}/trains/${encodeURIComponent(trainId)}/complete`;
}

function base(apiUrl: string): string {
  return apiUrl.replace(/\/+$/, "");
}
