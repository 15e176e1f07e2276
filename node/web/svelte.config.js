/** Runes everywhere; TypeScript in components is plain type-stripping and needs no preprocessor. */
export default { compilerOptions: { runes: true } };
