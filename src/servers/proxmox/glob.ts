/**
 * Whether a name matches a pattern with `*` and `?` as in a shell. Not by a regular expression: with many stars that would try
 * every way to share a name among them.
 */
export function globOf(pattern: string): (name: string) => boolean {
  return (name) => {
    let at = 0;
    /** The last star met, and where in the name that what it stands for ends. */
    let [star, until] = [-1, 0];
    for (let n = 0; n < name.length; ) {
      if (pattern[at] === '*') {
        star = at++;
        until = n;
      } else if (pattern[at] === '?' || pattern[at] === name[n]) {
        at++;
        n++;
      } else if (star >= 0) {
        at = star + 1;
        n = ++until;
      } else return false;
    }
    return /^\**$/.test(pattern.slice(at));
  };
}
