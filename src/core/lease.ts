/** The right to act as the controller. */
export interface Lease extends AsyncDisposable {
  /**
   * Grows with each holder; instances carry it in a label, records in `epoch`. At least the time of the acquisition,
   * milliseconds since the epoch, so that it also grows when what kept the last one is lost.
   */
  readonly epoch: number;
  /**
   * Aborts when the lease may no longer be relied on: before another can have it, as far as this process runs at all.
   * Whoever was held up looks at `lost.aborted` anew before it acts: that is right even if no timer could fire yet.
   */
  readonly lost: AbortSignal;
}
