/** A call that AWS denied. */
export interface Denial {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  /** The policy that denies it, or that none allows it, in AWS's words. */
  readonly reason: string;
}

/** AWS's sentence (IAM guide, "Access denied message format"). */
const sentence =
  /User: (?<principal>\S+) is not authorized to perform: (?<action>[a-z0-9-]+:\w+)(?: on resource: "?(?<resource>[^\s"]+)"?)?(?: (?<reason>(?:because|with) .*?))?(?:\.?$|\n)/;

/** Finds in a message what was denied; `undefined` if the message tells of no denial. */
export function denialIn(message: string): Denial | undefined {
  const found = sentence.exec(message)?.groups;
  if (found !== undefined)
    return {
      principal: found['principal'] ?? '',
      action: found['action'] ?? '',
      resource: found['resource'] ?? 'an unnamed resource',
      reason: found['reason'] ?? 'AWS does not say which policy is missing or denies it',
    };
  // Some services don't say more.
  if (!/\bAccess ?Denied/.test(message)) return undefined;
  return { principal: 'the function', action: 'use AWS', resource: 'a resource', reason: message };
}
