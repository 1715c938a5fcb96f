/** What cancelling a wait does to what is waited for. */

/**
 * What becomes of a piece of work when the wait for it is cancelled. "request" asks it to cancel and goes on at once; "wait" asks it and waits for how it
 * ends; "abandon" goes on at once and leaves it alone.
 */
export type CancelEffect = "request" | "wait" | "abandon";
