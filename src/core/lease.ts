/** The right to act as the controller. `lost` aborts when it may no longer be relied on. */
export interface Lease extends AsyncDisposable {
  /** Grows with each holder; instances carry it in a label. */
  readonly epoch: number;
  readonly lost: AbortSignal;
}
