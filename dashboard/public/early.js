/**
 * Asks for the rig's board before the page's own scripts are there: the rig makes it while they are fetched and run. They take the
 * answer (src/lib/early.ts). Whoever comes with a code has no token yet, and is not asked for.
 */
{
  const [, rigId] = /^\/rigs\/([^/]+)/.exec(location.pathname) ?? [];
  let token = null;
  try {
    token = localStorage.getItem("ticktown.token");
  } catch {
    // A browser that keeps nothing for a page: its scripts ask.
  }
  if (rigId !== undefined && token !== null && !location.hash.includes("code=")) {
    const path = `/api/rigs/${rigId}/board`;
    const response = fetch(path, { headers: { authorization: `Bearer ${token}` } });
    // Whoever takes it hears of a failure.
    response.catch(() => {});
    globalThis.ticktownEarly = { path, token, response };
  }
}
