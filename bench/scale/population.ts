/**
 * The runs that a database is seeded with, told once for the seed and for the checks of answers. Closed runs are numbered from 1 in the order of their
 * starts, and so are open ones, which started later than all of those.
 */
import { create } from "@bufbuild/protobuf";
import {
  type SearchAttributeValue,
  SearchAttributeValueSchema,
} from "../../gen/pawl/v1/search_attribute_pb.js";

/** The queue that all of them are on. */
export const taskQueue = "scale";

/** The workflow types of closed and of open runs. */
export const types = { closed: "Closed", open: "Open" } as const;

/** How many runs there are. */
export interface Population {
  readonly closed: number;
  /** Every other one has a ready workflow task, the rest a ready activity. */
  readonly open: number;
}

/** So many closed runs, and a tenth as many open ones. */
export function populationOf(closed: number): Population {
  return { closed, open: closed / 10 };
}

/** What an open run has in its queue. */
export type Waiting = "workflow" | "activity";

/** What the nth open run has in its queue. */
export function waitingOf(n: number): Waiting {
  return n % 2 === 0 ? "workflow" : "activity";
}

/** Ids of one length: a longer one in the place of a shorter one would break the messages that name it. */
function idOf(prefix: string, n: number): string {
  return `${prefix}-${String(n).padStart(7, "0")}`;
}

/** The workflow id of the nth closed run. */
export function closedId(n: number): string {
  return idOf("closed", n);
}

/** The workflow id of the nth open run. */
export function openId(n: number): string {
  return idOf(waitingOf(n), n);
}

/** The search attributes of a closed run. */
export interface Attributes {
  /** One of a tenth as many as there are runs: each has ten. */
  readonly customer: string;
  /** One of four: each has a quarter. */
  readonly region: string;
  /** From 0 to 1,000, spread evenly and in no order. */
  readonly amount: number;
}

/** The search attributes of the nth closed run. */
export function attributesOf({ closed }: Population, n: number): Attributes {
  const many = closed / 10;
  // A prime leads through all of them.
  const place = (Math.floor(n / 10) * 7_919) % many;
  return {
    customer: customerName(n % many),
    region: regionName(n),
    // Off the round numbers, so that no other bytes of a message look like it.
    amount: ((place + Math.SQRT1_2) * 1_000) / many,
  };
}

/** One of the customers. */
export function customerName(index: number): string {
  return `customer-${String(index).padStart(6, "0")}`;
}

/** One of the four regions. */
export function regionName(index: number): string {
  return `region-${index % 4}`;
}

/** A text as a search attribute. */
export function keyword(value: string): SearchAttributeValue {
  return create(SearchAttributeValueSchema, { value: { case: "keyword", value } });
}

/** A number as a search attribute. */
export function number(value: number): SearchAttributeValue {
  return create(SearchAttributeValueSchema, { value: { case: "number", value } });
}
