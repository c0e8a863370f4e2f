/** The loss or its gradient is infinite or not a number. */
export class DivergedError extends Error {}
