/** Pages of listings: at most so many elements, and no more bytes than a response may have, whatever the elements are. */
import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { elementBytes } from "../response-size.js";

/** How much a page takes. */
export interface PageBounds {
  readonly pageSize: number;
  readonly maxBytes: number;
}

/** A page in the making. */
export interface Page<Element> {
  readonly elements: Element[];
  isFull(): boolean;
  /** False: there is no room. The first always fits: each is bounded below a response. */
  add(element: Element): boolean;
}

/** Opens an empty page. */
export function openPage<Desc extends DescMessage>(
  schema: Desc,
  { pageSize, maxBytes }: PageBounds,
): Page<MessageInitShape<Desc>> {
  const elements: MessageInitShape<Desc>[] = [];
  let room = maxBytes;
  const isFull = () => elements.length >= pageSize;
  return {
    elements,
    isFull,
    add(element) {
      const bytes = toBinary(schema, create(schema, element)).length + elementBytes;
      if (isFull() || (bytes > room && elements.length > 0)) return false;
      room -= bytes;
      elements.push(element);
      return true;
    },
  };
}

/** Makes a page of as many rows as fit. `last` is the last of them, behind which the next page begins; unset where no rows are left. */
export function fillPage<Desc extends DescMessage, Row>(
  schema: Desc,
  bounds: PageBounds,
  { rows, hasMore }: { readonly rows: readonly Row[]; readonly hasMore: boolean },
  elementOf: (row: Row, index: number) => MessageInitShape<Desc>,
): { readonly elements: MessageInitShape<Desc>[]; readonly last: Row | undefined } {
  const page = openPage(schema, bounds);
  const isWhole = rows.every((row, index) => page.add(elementOf(row, index)));
  const { elements } = page;
  return { elements, last: isWhole && !hasMore ? undefined : rows[elements.length - 1] };
}
