import assert from 'node:assert/strict';

/** For assert.rejects and assert.throws: the refusal has this status and errcode. */
export function refusal(status: number, errcode: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof Error && 'status' in error && 'errcode' in error, String(error));
    assert.deepEqual([error.status, error.errcode], [status, errcode]);
    return true;
  };
}
