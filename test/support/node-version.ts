/** Vitest's global setup: the tests must run on the Node that the project pins, since they start programs on it. */
export default function assertNodeVersion(): void {
  if (Number.parseInt(process.versions.node, 10) < 24)
    throw new Error(
      `The tests need Node 24, and this is ${process.version}: run them with "npm test", which takes the project's own`,
    );
}
