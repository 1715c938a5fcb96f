export const greet = async (name: string) => `Hello, ${name}!`;
