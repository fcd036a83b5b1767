/** `1.5 GiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  const scaled = value / 1024 ** power;
  return `${Number(scaled.toFixed(scaled < 10 ? 1 : 0))} ${units[power]}`;
}

/** A share of 0 to 1 as `12 %`. */
export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** Seconds as `3 d 4 h`, `4 h 5 min`, `5 min` or `6 s`. */
export function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.floor(seconds)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
