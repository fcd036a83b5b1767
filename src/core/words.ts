/** `1 server`, `2 servers`. @param many the plural; absent: with an `s` at its end */
export const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
