import * as z from 'zod';

/** A whole number from `least` to `most`, both included. */
export const whole = (least: number, most: number) => z.number().int().min(least).max(most);
