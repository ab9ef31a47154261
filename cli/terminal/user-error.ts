/** An error that the user can fix. Only its message is printed, which says how. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
