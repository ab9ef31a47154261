import * as z from 'zod';
import { defineDataset, filtered } from '../domain/dataset.ts';
import { double, flag, int32, text } from '../domain/fields.ts';

export const passengers = defineDataset({
  name: 'passengers',
  source: { prefix: 'passengers/', format: 'csv', columns: 'ignore-additional' },
  record: z.object({
    PassengerId: int32(),
    Survived: flag(),
    Pclass: int32(),
    Name: text(),
    Sex: text(),
    Age: double().optional(),
    SibSp: int32().optional(),
    Parch: int32().optional(),
    Ticket: z.string().optional(),
    Fare: double().optional(),
    Cabin: z.string().optional(),
    Embarked: z.string().optional(),
  }),
  transform(passenger) {
    if (passenger.Age === undefined) return filtered('has no age');
    if (!passenger.Survived) return filtered('did not survive');
    return {
      passenger_id: passenger.PassengerId,
      survived: passenger.Survived,
      pclass: passenger.Pclass,
      name: passenger.Name,
      sex: passenger.Sex,
      age: passenger.Age,
      sib_sp: passenger.SibSp ?? null,
      parch: passenger.Parch ?? null,
      ticket: passenger.Ticket ?? null,
      fare: passenger.Fare ?? null,
      cabin: passenger.Cabin ?? null,
      embarked: passenger.Embarked ?? null,
    };
  },
  row: z.object({
    passenger_id: z.int32(),
    survived: z.boolean(),
    pclass: z.int32(),
    name: z.string(),
    sex: z.string(),
    age: z.number(),
    sib_sp: z.int32().nullable(),
    parch: z.int32().nullable(),
    ticket: z.string().nullable(),
    fare: z.number().nullable(),
    cabin: z.string().nullable(),
    embarked: z.string().nullable(),
  }),
  key: ['passenger_id'],
  // A ship's list is small: partitions would split one file into ten tiny ones, each without the partition
  // column.
  partitionBy: [],
  processedAs: 'csv',
  onDelete: 'retract',
  onReject: 'keep',
});
