/** Where media were before v3: clients that are older than the authenticated paths use these. */
export function legacyMediaPaths(path: string): readonly string[] {
  return [`/_matrix/media/r0${path}`, `/_matrix/media/v1${path}`];
}
