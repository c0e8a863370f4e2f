// Labels of pictures, which are cut to the space that they have.

/** The width of a text in letters. Chinese characters are about twice as wide. */
export function textWidth(text: string): number {
  return [...text].reduce((sum, character) => sum + (character.charCodeAt(0) < 0x1100 ? 1 : 1.9), 0);
}

/** A text without its end, if it is wider than some letters. */
export function cutEnd(text: string, letters: number): string {
  if (textWidth(text) <= letters) return text;
  const characters = [...text];
  while (characters.length > 0 && textWidth(characters.join("")) > letters - 1) characters.pop();
  return `${characters.join("")}…`;
}

/** A text without its middle, if it is wider than some letters: names of runs differ at their ends. */
export function cutMiddle(text: string, letters: number): string {
  if (textWidth(text) <= letters) return text;
  const characters = [...text];
  let [start, end] = [Math.ceil(characters.length / 2), Math.ceil(characters.length / 2)];
  const joined = () => `${characters.slice(0, start).join("")}…${characters.slice(end).join("")}`;
  while (start > 0 && textWidth(joined()) > letters + 0.9) {
    if (start > characters.length - end) start -= 1;
    else end += 1;
  }
  return joined();
}
