export const ask = async (expense: string) => console.log(`Please decide on ${expense}.`);
export const escalate = async (expense: string) => console.log(`Nobody decided on ${expense}.`);
