//! Words and symbols of targets and expressions, with their positions.
//!
//! One lexer serves both little languages, so a partition is written the same in each. A word is a run of letters,
//! digits and `_ - . %`; what it means is decided by the parsers.

use std::ops::Range;

use winnow::Parser;
use winnow::ascii::multispace0;
use winnow::combinator::{alt, preceded};
use winnow::error::EmptyError;
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{any, take_while};

use super::diagnostic::TextProblem;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Token<'t> {
    /// A name, a keyword, a number, a quantity.
    Word(&'t str),
    /// A parenthesis, a comma, a slash, a comparison, or something that belongs nowhere.
    Symbol(&'t str),
}

impl<'t> Token<'t> {
    /// The token as written.
    pub(crate) fn text(self) -> &'t str {
        match self {
            Token::Word(text) | Token::Symbol(text) => text,
        }
    }
}

/// Most tokens of a target or an expression; it bounds how deep they can nest.
const TOKENS_MAX: usize = 500;

/// The tokens of a text, and a position among them.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'t> {
    text: &'t str,
    tokens: Vec<(Token<'t>, Range<usize>)>,
    next: usize,
}

type Input<'t> = LocatingSlice<&'t str>;

fn token<'t>(input: &mut Input<'t>) -> Result<(Token<'t>, Range<usize>), EmptyError> {
    let word = take_while(1.., |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '%'));
    let symbol = alt(("<=", ">=", "==", "!=", any.take()));
    preceded(multispace0, alt((word.map(Token::Word), symbol.map(Token::Symbol))).with_span())
        .parse_next(input)
}

impl<'t> Tokens<'t> {
    /// Cuts `text` into tokens. Cannot fail: what belongs nowhere is a symbol no parser accepts.
    pub(crate) fn new(text: &'t str) -> Self {
        let mut input = LocatingSlice::new(text.trim_end());
        let mut tokens = Vec::new();
        while input.current_token_start() < text.trim_end().len() {
            match token(&mut input) {
                Ok(token) => tokens.push(token),
                Err(EmptyError) => break,
            }
        }
        Tokens { text, tokens, next: 0 }
    }

    /// Says so if there are more tokens than a parser should have to deal with.
    pub(crate) fn check_length(&self, code: &'static super::codes::Code) -> Result<(), TextProblem> {
        match self.tokens.get(TOKENS_MAX) {
            None => Ok(()),
            Some((_, at)) => Err(TextProblem::new(code, at.clone(), "the text is too long")
                .label(format!("more than {TOKENS_MAX} words and symbols"))),
        }
    }

    /// The token that comes next.
    pub(crate) fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.next).map(|(token, _)| *token)
    }

    /// The token after the one that comes next.
    pub(crate) fn peek_second(&self) -> Option<Token<'t>> {
        self.tokens.get(self.next + 1).map(|(token, _)| *token)
    }

    /// Takes the next token.
    pub(crate) fn take(&mut self) -> Option<Token<'t>> {
        let token = self.peek();
        self.next += usize::from(token.is_some());
        token
    }

    /// Takes the next token if it reads `text`.
    pub(crate) fn accept(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.text() == text);
        self.next += usize::from(found);
        found
    }

    /// Where the next token stands; at the end of the text an empty range.
    pub(crate) fn here(&self) -> Range<usize> {
        let end = self.text.trim_end().len();
        self.tokens.get(self.next).map_or(end..end, |(_, at)| at.clone())
    }

    /// Where the token taken last ends.
    pub(crate) fn taken_to(&self) -> usize {
        self.next.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |(_, at)| at.end)
    }

    /// From the start of the next token to the end of the text.
    pub(crate) fn remainder(&self) -> Range<usize> {
        self.here().start..self.text.trim_end().len().max(self.here().start)
    }

    /// `expected WHAT, found TOKEN` at the next token.
    pub(crate) fn unexpected(&self, code: &'static super::codes::Code, expected: &str) -> TextProblem {
        let found = match self.peek() {
            Some(token) => format!("found `{}`", token.text()),
            None => "the text ends".to_owned(),
        };
        TextProblem::new(code, self.here(), format!("expected {expected}, {found}"))
            .label(format!("expected {expected}"))
    }

    /// Takes the token `symbol`, or says that it is missing.
    pub(crate) fn expect(
        &mut self,
        code: &'static super::codes::Code,
        symbol: &str,
    ) -> Result<(), TextProblem> {
        if self.accept(symbol) { Ok(()) } else { Err(self.unexpected(code, &format!("`{symbol}`"))) }
    }

    /// Takes a word, or says that `what` is missing.
    pub(crate) fn word(
        &mut self,
        code: &'static super::codes::Code,
        what: &str,
    ) -> Result<(&'t str, Range<usize>), TextProblem> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let at = self.here();
                self.next += 1;
                Ok((word, at))
            }
            _ => Err(self.unexpected(code, what)),
        }
    }

    /// Takes `topic/partition`.
    pub(crate) fn partition(
        &mut self,
        code: &'static super::codes::Code,
    ) -> Result<tribunal_engine::id::TopicPartition, TextProblem> {
        let (topic, at) = self.word(code, "a partition like `orders/0`")?;
        if !self.accept("/") {
            return Err(TextProblem::new(
                code,
                at,
                format!("`{topic}` is a topic, expected one of its partitions"),
            )
            .label("the partition is missing")
            .help(format!("write `{topic}/0`")));
        }
        let (index, at) = self.word(code, "the number of a partition")?;
        let partition = index.parse::<i32>().ok().filter(|index| *index >= 0).ok_or_else(|| {
            TextProblem::new(code, at, format!("`{index}` is not the number of a partition"))
                .label("expected a whole number from 0")
        })?;
        Ok(tribunal_engine::id::TopicPartition::new(topic, partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_know_where_they_stand() {
        let tokens = Tokens::new(" isr(orders/0) <= 2 ");
        let found: Vec<(&str, Range<usize>)> =
            tokens.tokens.iter().map(|(token, at)| (token.text(), at.clone())).collect();
        let expected = [
            ("isr", 1..4),
            ("(", 4..5),
            ("orders", 5..11),
            ("/", 11..12),
            ("0", 12..13),
            (")", 13..14),
            ("<=", 15..17),
            ("2", 18..19),
        ];
        assert_eq!(found, expected);
    }
}
