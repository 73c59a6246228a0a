//! Expectations: what counts as a failure of the scenario.
//!
//! Every guarantee is checked in every run. An expectation says which answer is right: that a guarantee holds, that
//! it breaks (a lesson that must stay true), that it may break, or that a condition on the run is met.

use std::collections::BTreeMap;
use std::fmt;

use super::codes;
use super::diagnostic::{TextProblem, nearest};
use super::expr::{self, Expr, quantity::guarantee};
use super::guarantee::Guarantee;
use super::lexer::{Token, Tokens};

/// One entry of `expect`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    /// Line of the file, from 1.
    pub line: usize,
    /// Column of the file, from 1.
    pub column: usize,
    /// `that`, as it is written.
    pub text: String,
    /// What it means.
    pub claim: Claim,
    /// The variants it is about: for each named axis the values it accepts. Empty: all variants.
    pub on: BTreeMap<String, Vec<String>>,
}

impl Expectation {
    /// Whether it is about the variant with these axis values.
    #[must_use]
    pub fn applies_to(&self, axis_values: &BTreeMap<String, String>) -> bool {
        self.on
            .iter()
            .all(|(axis, accepted)| axis_values.get(axis).is_some_and(|value| accepted.contains(value)))
    }
}

/// What is expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Claim {
    /// `holds G`: no seed breaks it, and it was tested.
    Holds(Guarantee),
    /// `breaks G in some seed`, `breaks G in every seed`.
    Breaks {
        /// The guarantee.
        guarantee: Guarantee,
        /// In how many seeds.
        seeds: Seeds,
    },
    /// `may break G`: either way is right.
    MayBreak(Guarantee),
    /// `happens E`: the condition is true at the end in at least one seed; a guard against a test of nothing.
    Happens(Expr),
    /// `E`: the condition is true at the end in every seed.
    Condition(Expr),
}

/// In how many seeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seeds {
    /// In one at least.
    Some,
    /// In all.
    Every,
}

impl Claim {
    /// The guarantee it is about.
    #[must_use]
    pub fn guarantee(&self) -> Option<Guarantee> {
        match self {
            Claim::Holds(guarantee) | Claim::Breaks { guarantee, .. } | Claim::MayBreak(guarantee) => {
                Some(*guarantee)
            }
            Claim::Happens(_) | Claim::Condition(_) => None,
        }
    }

    /// The condition it is about.
    #[must_use]
    pub fn condition(&self) -> Option<&Expr> {
        match self {
            Claim::Happens(expr) | Claim::Condition(expr) => Some(expr),
            Claim::Holds(_) | Claim::Breaks { .. } | Claim::MayBreak(_) => None,
        }
    }

    /// Reads what stands after `that =`.
    ///
    /// # Errors
    /// What is wrong and where in the text.
    pub fn parse(text: &str) -> Result<Claim, TextProblem> {
        let mut tokens = Tokens::new(text);
        let claim = match tokens.peek() {
            Some(Token::Word("holds")) => {
                tokens.take();
                Claim::Holds(named(&mut tokens)?)
            }
            Some(Token::Word("breaks")) => {
                tokens.take();
                let guarantee = named(&mut tokens)?;
                Claim::Breaks { guarantee, seeds: seeds(&mut tokens, guarantee)? }
            }
            Some(Token::Word("may")) => {
                tokens.take();
                tokens.expect(codes::BAD_EXPECTATION, "break")?;
                Claim::MayBreak(named(&mut tokens)?)
            }
            Some(Token::Word("happens")) => {
                tokens.take();
                return expr::parse_at(&mut tokens).map(Claim::Happens);
            }
            _ => {
                misspelt(&tokens)?;
                return expr::parse_at(&mut tokens).map(Claim::Condition);
            }
        };
        match tokens.peek() {
            None => Ok(claim),
            Some(Token::Word(word @ ("by" | "within"))) => Err(TextProblem::new(
                codes::NOT_BUILT,
                tokens.remainder(),
                format!("`{word} ...` after a guarantee is part of the format but not built yet"),
            )
            .label("not built yet")),
            Some(_) => Err(tokens.unexpected(codes::BAD_EXPECTATION, "the end of the expectation")),
        }
    }
}

fn named(tokens: &mut Tokens<'_>) -> Result<Guarantee, TextProblem> {
    let (name, at) = tokens.word(codes::BAD_EXPECTATION, "a guarantee like `no-acked-record-lost`")?;
    guarantee(name, at)
}

fn seeds(tokens: &mut Tokens<'_>, guarantee: Guarantee) -> Result<Seeds, TextProblem> {
    let problem = |tokens: &Tokens<'_>, expected| {
        tokens
            .unexpected(codes::BAD_EXPECTATION, expected)
            .help(format!("write `breaks {guarantee} in some seed` or `breaks {guarantee} in every seed`"))
    };
    if !tokens.accept("in") {
        return Err(problem(tokens, "`in some seed` or `in every seed`"));
    }
    let seeds = if tokens.accept("some") {
        Seeds::Some
    } else if tokens.accept("every") {
        Seeds::Every
    } else {
        return Err(problem(tokens, "`some` or `every`"));
    };
    if tokens.accept("seed") { Ok(seeds) } else { Err(problem(tokens, "`seed`")) }
}

/// A first word that is followed by a word is no value of an expression but probably a misspelt verb.
fn misspelt(tokens: &Tokens<'_>) -> Result<(), TextProblem> {
    let (Some(Token::Word(first)), Some(Token::Word(_))) = (tokens.peek(), tokens.peek_second()) else {
        return Ok(());
    };
    if first == "not" {
        return Ok(());
    }
    let verbs = ["holds", "breaks", "may", "happens"];
    Err(TextProblem::new(
        codes::BAD_EXPECTATION,
        tokens.here(),
        format!("an expectation cannot start with `{first}`"),
    )
    .label("not a verb of expectations")
    .help(match nearest(first, verbs) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "start with `holds`, `breaks`, `may break`, `happens`, or an expression".to_owned(),
    }))
}

impl fmt::Display for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Claim::Holds(guarantee) => write!(formatter, "holds {guarantee}"),
            Claim::Breaks { guarantee, seeds: Seeds::Some } => {
                write!(formatter, "breaks {guarantee} in some seed")
            }
            Claim::Breaks { guarantee, seeds: Seeds::Every } => {
                write!(formatter, "breaks {guarantee} in every seed")
            }
            Claim::MayBreak(guarantee) => write!(formatter, "may break {guarantee}"),
            Claim::Happens(expr) => write!(formatter, "happens {expr}"),
            Claim::Condition(expr) => expr.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_print_as_they_are_written() {
        for text in [
            "holds no-acked-record-lost",
            "breaks no-duplicates in some seed",
            "breaks recovers in every seed",
            "may break order-per-partition",
            "happens truncated(orders/0) > 0",
            "rto(kill-leader) < 9s",
            "not lost > 3",
            "lost == 0 by end",
            "happens rebalances(billing) >= 10",
        ] {
            assert_eq!(Claim::parse(text).map(|claim| claim.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_misspelt_verb_gets_a_suggestion() {
        let problem = Claim::parse("hold no-duplicates").expect_err("misspelt");
        assert_eq!(problem.help.as_deref(), Some("did you mean `holds`?"));
    }

    #[test]
    fn a_deadline_is_named_as_not_built() {
        assert_eq!(
            Claim::parse("holds recovers within 15s of x.end").expect_err("not built").code.id,
            "T006"
        );
        let by_end = Claim::parse("holds replicas-identical-below-hw by end");
        assert_eq!(by_end.expect_err("not built").code.id, "T006");
    }

    #[test]
    fn an_expectation_is_about_the_variants_it_names() {
        let on = [("acks".to_owned(), vec!["1".to_owned(), "all".to_owned()])].into();
        let claim = Claim::parse("lost == 0").expect("legal");
        let expectation = Expectation { line: 1, column: 1, text: String::new(), claim, on };
        let variant = |value: &str| BTreeMap::from([("acks".to_owned(), value.to_owned())]);
        assert!(expectation.applies_to(&variant("all")));
        assert!(!expectation.applies_to(&variant("0")));
    }
}
