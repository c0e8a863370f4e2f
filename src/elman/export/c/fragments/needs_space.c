// Return whether a space is before a word of a text: none before closing marks, after opening ones, inside of quotes, or
// beside Chinese characters. The words come one after another.
static int needs_space(int word) {
    static int after_quote, in_quotes, no_space_after = 1;
    int joins_previous = spacing[word] & 1;
    if (word == QUOTE) {
        in_quotes = !in_quotes;
        joins_previous = !in_quotes;
    }
    int space = !joins_previous && !no_space_after && !(after_quote && in_quotes && word != QUOTE);
    after_quote = word == QUOTE;
    no_space_after = spacing[word] & 2;
    return space;
}
