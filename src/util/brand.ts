declare const brand: unique symbol;

/** A primitive that only its parser can make: `Brand<string, 'RoomId'>` cannot be written by hand. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
