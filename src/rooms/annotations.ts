import { duplicateAnnotation, type MatrixError } from '../matrix/errors.ts';
import type { EventId, UserId } from '../matrix/identifiers.ts';
import { relationIn } from '../matrix/relations.ts';
import type { LocalIntent } from './intent.ts';

/** What a user may say of an event but once. */
export interface Annotation {
  readonly parentId: EventId;
  readonly sender: UserId;
  /** Of the annotating event. */
  readonly type: string;
  readonly key: string;
}

/** The annotation that an event will be, if it is one that is aggregated. */
export function annotationOf({ type, sender, stateKey, content }: LocalIntent): Annotation | undefined {
  const relation = stateKey === undefined ? relationIn(content) : undefined;
  if (relation?.relType !== 'm.annotation' || relation.key === undefined) return undefined;
  return { parentId: relation.parentId, sender, type, key: relation.key };
}

/** The same for equal annotations. */
export function annotationId({ parentId, sender, type, key }: Annotation): string {
  return JSON.stringify([parentId, sender, type, key]);
}

/** 400 M_DUPLICATE_ANNOTATION. https://spec.matrix.org/v1.19/client-server-api/#avoiding-duplicate-annotations */
export function annotatedAlready({ parentId, key }: Annotation): MatrixError {
  return duplicateAnnotation(`You have annotated ${parentId} with ${JSON.stringify(key)} already.`);
}
