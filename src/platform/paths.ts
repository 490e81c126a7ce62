/** A path without the slashes at its end, so that names can be put behind it; "/" stays. */
export const withoutEndSlash = (path: string): string => path.replace(/(?<=[^/])\/+$/, "");
