/** Values of search attributes, and conditions on them. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  SearchAttributeFilterSchema,
  SearchAttributeValueSchema,
} from "../../../gen/pawl/v1/search_attribute_pb.js";

/** A value of any type. */
export type SearchValue = MessageInitShape<typeof SearchAttributeValueSchema>;

type FilterInit = MessageInitShape<typeof SearchAttributeFilterSchema>;

/** A time of so many seconds since 1970. */
export const atSecond = (second: number) => ({ seconds: BigInt(second), nanos: 0 });

export const keyword = (value: string) => ({ value: { case: "keyword" as const, value } });
export const integer = (value: number) => ({ value: { case: "integer" as const, value: BigInt(value) } });
export const number = (value: number) => ({ value: { case: "number" as const, value } });
export const boolean = (value: boolean) => ({ value: { case: "boolean" as const, value } });
export const time = (second: number) => ({ value: { case: "time" as const, value: atSecond(second) } });

/** A filter by an attribute that has this very value. */
export const equalTo = (name: string, value: SearchValue): { searchAttributes: FilterInit[] } => ({
  searchAttributes: [{ name, condition: { case: "equals", value } }],
});

/** A filter by an attribute that lies from one value (included) to another (excluded). */
export const within = (
  name: string,
  value: { from?: SearchValue; to?: SearchValue },
): { searchAttributes: FilterInit[] } => ({
  searchAttributes: [{ name, condition: { case: "range", value } }],
});
