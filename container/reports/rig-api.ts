/** Where on the rig API things are reported. */

export function agentUrl(apiUrl: string, rigId: string, agentId: string, what: string): string {
  return `${rigUrl(apiUrl, rigId)}/agents/${encodeURIComponent(agentId)}/${what}`;
}

export function reviewUrl(apiUrl: string, rigId: string, entryId: string): string {
  return `${rigUrl(apiUrl, rigId)}/review-queue/${encodeURIComponent(entryId)}/complete`;
}

export function trainUrl(apiUrl: string, rigId: string, trainId: string): string {
  return `${rigUrl(apiUrl, rigId)}/trains/${encodeURIComponent(trainId)}/complete`;
}

export function rigUrl(apiUrl: string, rigId: string): string {
  return `${apiUrl.replace(/\/+$/, "")}/api/rigs/${encodeURIComponent(rigId)}`;
}
