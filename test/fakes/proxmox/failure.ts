/** An answer that is an error, as PVE::Exception makes it. */
export class PveFailure extends Error {
  readonly status: number;
  /** Parameter -> what is wrong with it. */
  readonly errors: Readonly<Record<string, string>> | undefined;

  constructor(status: number, message: string, errors?: Readonly<Record<string, string>>) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

/** What most things that go wrong are: there is no 404. */
export const died = (message: string): PveFailure => new PveFailure(500, message);

/** 400 with the parameter that is wrong. */
export const invalid = (name: string, message: string): PveFailure =>
  new PveFailure(400, 'Parameter verification failed.', { [name]: message });
