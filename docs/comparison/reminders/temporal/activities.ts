export const isPaid = async (invoice: string) => invoice.endsWith("-paid");
export const remind = async (invoice: string) => console.log(`Please pay ${invoice}.`);
