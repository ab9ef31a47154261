import * as z from 'zod';

/** A whole number within a range, both ends included. */
export const whole = (least: number, most: number) => z.number().int().min(least).max(most);
