/** The form of requests: the rules written in the proto, and those that hold for every field. */
import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { Path } from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation as RuleViolation } from "@bufbuild/protovalidate";
import { ErrorReason } from "../../gen/pawl/v1/error_pb.js";
import { checkFields, formatPath } from "./field-checks.js";
import type { Violation } from "./invalid-request-error.js";

const validator = createValidator();

/** Finds everything that is wrong with the form of a request. */
export function validate(schema: DescMessage, request: Message): Violation[] {
  const result = validator.validate(schema, request);
  if (result.kind === "error") throw result.error;
  const broken = result.kind === "invalid" ? result.violations.map(toViolation) : [];
  return [...broken, ...checkFields(schema, request)];
}

function toViolation(violation: RuleViolation): Violation {
  const path = toSteps(violation.field);
  const field = formatPath(path);
  return { field, path, reason: ErrorReason.INVALID_FIELD, message: violation.message, metadata: { field } };
}

function toSteps(path: Path): (string | number)[] {
  return path.map((step) => {
    switch (step.kind) {
      case "list_sub":
        return step.index;
      case "map_sub":
        return String(step.key);
      default:
        return step.name;
    }
  });
}
