/** A module without workflows. */
export const answer = 42;
