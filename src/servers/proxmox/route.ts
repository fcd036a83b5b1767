/** Values of a call's parameters. A flag is sent as 1 or 0, a list as the key once for each, what is undefined not at all. */
export type Params = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** A path below `/api2/json`: what is put in is one segment, whatever it holds. */
export function route(texts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return texts.reduce((path, text, index) => `${path}${encodeURIComponent(values[index - 1] ?? '')}${text}`);
}

/** `params` as `application/x-www-form-urlencoded`, for a query or a body; '' if there are none. */
export function formOf(params: Params): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    const values = Array.isArray(value) ? value : [value];
    for (const one of values) form.append(name, typeof one === 'boolean' ? String(Number(one)) : String(one));
  }
  return form.toString();
}

/** A path with a query. */
export function withQuery(path: string, params: Params): string {
  const query = formOf(params);
  return query === '' ? path : `${path}?${query}`;
}
