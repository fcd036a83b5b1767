const ANSWER_MS = 60_000;

/** What the session API (src/core/api.ts) answers an owner; undefined where it has nothing to say. @throws for any status but 2xx */
export async function askAsOwner<T>(
  { url, credential }: { readonly url: string; readonly credential: string },
  method: string,
  path: string,
  body?: object,
): Promise<T> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(ANSWER_MS),
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}
