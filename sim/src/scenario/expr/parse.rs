//! The grammar of expressions.
//!
//! ```text
//! expression  = conjunction { "or" conjunction }
//! conjunction = negation { "and" negation }
//! negation    = "not" negation | windowed
//! windowed    = ( comparison | "(" expression ")" ) [ "outside faults" | "during" FAULT | "by end" ]
//! comparison  = term ( "<" | "<=" | "==" | "!=" | ">=" | ">" ) term
//! ```

use std::ops::Range;

use super::ast::{Comparison, Expr, Term, ValueType, Window};
use super::quantity::term;
use crate::scenario::codes;
use crate::scenario::diagnostic::TextProblem;
use crate::scenario::lexer::{Token, Tokens};

/// Parentheses and `not`s may nest so deep.
const DEPTH_MAX: usize = 40;

/// Reads an expression.
///
/// # Errors
/// The first thing that is wrong and where in the text.
pub fn parse(text: &str) -> Result<Expr, TextProblem> {
    let mut tokens = Tokens::new(text);
    parse_at(&mut tokens)
}

/// Reads an expression from `tokens` to their end.
pub(crate) fn parse_at(tokens: &mut Tokens<'_>) -> Result<Expr, TextProblem> {
    tokens.check_length(codes::BAD_EXPRESSION)?;
    let expr = disjunction(tokens, 0)?;
    match tokens.peek() {
        None => Ok(expr),
        Some(Token::Word(word @ ("within" | "for"))) => Err(TextProblem::new(
            codes::NOT_BUILT,
            tokens.remainder(),
            format!("`{word} ...` in an expression is part of the format but not built yet"),
        )
        .label("not built yet")),
        Some(token) => {
            let problem =
                tokens.unexpected(codes::BAD_EXPRESSION, "`and`, `or` or the end of the expression");
            Err(match token {
                Token::Symbol("&") => problem.help("write `and`"),
                Token::Symbol("|") => problem.help("write `or`"),
                _ => problem,
            })
        }
    }
}

fn disjunction(tokens: &mut Tokens<'_>, depth: usize) -> Result<Expr, TextProblem> {
    let mut expr = conjunction(tokens, depth)?;
    while tokens.accept("or") {
        expr = Expr::Or(Box::new(expr), Box::new(conjunction(tokens, depth)?));
    }
    Ok(expr)
}

fn conjunction(tokens: &mut Tokens<'_>, depth: usize) -> Result<Expr, TextProblem> {
    let mut expr = negation(tokens, depth)?;
    while tokens.accept("and") {
        expr = Expr::And(Box::new(expr), Box::new(negation(tokens, depth)?));
    }
    Ok(expr)
}

fn negation(tokens: &mut Tokens<'_>, depth: usize) -> Result<Expr, TextProblem> {
    if depth > DEPTH_MAX {
        return Err(TextProblem::new(
            codes::BAD_EXPRESSION,
            tokens.here(),
            "the expression is nested too deeply",
        )
        .label(format!("deeper than {DEPTH_MAX} levels")));
    }
    if tokens.accept("not") {
        return Ok(Expr::Not(Box::new(negation(tokens, depth + 1)?)));
    }
    let start = tokens.here().start;
    let expr = if tokens.accept("(") {
        let inner = disjunction(tokens, depth + 1)?;
        tokens.expect(codes::BAD_EXPRESSION, ")")?;
        inner
    } else {
        comparison(tokens)?
    };
    match window(tokens)? {
        None => Ok(expr),
        Some((window, at)) => windowed(expr, window, start, at),
    }
}

fn window(tokens: &mut Tokens<'_>) -> Result<Option<(Window, Range<usize>)>, TextProblem> {
    let at = tokens.here();
    if tokens.accept("outside") {
        tokens.expect(codes::BAD_EXPRESSION, "faults")?;
        return Ok(Some((Window::OutsideFaults, at.start..tokens.taken_to())));
    }
    if tokens.accept("by") {
        tokens.expect(codes::BAD_EXPRESSION, "end")?;
        return Ok(Some((Window::ByEnd, at.start..tokens.taken_to())));
    }
    if tokens.accept("during") {
        let (fault, end) = tokens.word(codes::BAD_EXPRESSION, "the name of a fault")?;
        return Ok(Some((Window::During(fault.to_owned()), at.start..end.end)));
    }
    Ok(None)
}

fn windowed(expr: Expr, window: Window, start: usize, at: Range<usize>) -> Result<Expr, TextProblem> {
    let quantities = expr.quantities();
    let problem = if quantities.iter().any(|(_, inner)| inner.is_some()) {
        Some("a window inside a window".to_owned())
    } else {
        quantities
            .iter()
            .find(|(quantity, _)| !quantity.can_be_measured(&window))
            .map(|(quantity, _)| format!("`{quantity}` cannot be measured `{window}`"))
    };
    match problem {
        None => Ok(Expr::Within(Box::new(expr), window)),
        Some(message) => Err(TextProblem::new(codes::BAD_EXPRESSION, start..at.end, message)
            .label("this window has no meaning here")
            .help("`outside faults` and `during FAULT` go with latencies, `by end` with everything else")),
    }
}

fn comparison(tokens: &mut Tokens<'_>) -> Result<Expr, TextProblem> {
    let start = tokens.here().start;
    let (left, left_type) = term(tokens)?;
    let comparison = match tokens.peek().map(Token::text) {
        Some("<") => Comparison::Less,
        Some("<=") => Comparison::LessOrEqual,
        Some("==") => Comparison::Equal,
        Some("!=") => Comparison::NotEqual,
        Some(">=") => Comparison::GreaterOrEqual,
        Some(">") => Comparison::Greater,
        Some("=") => {
            return Err(tokens.unexpected(codes::BAD_EXPRESSION, "a comparison").help("equality is `==`"));
        }
        _ => {
            return Err(tokens
                .unexpected(codes::BAD_EXPRESSION, "a comparison")
                .help(format!("compare `{left}` with something: {}", example(&left, left_type))));
        }
    };
    tokens.take();
    let (right, right_type) = term(tokens)?;
    if left_type == right_type {
        return Ok(Expr::Compare { left, comparison, right });
    }
    Err(mismatch(&left, left_type, &right, right_type, start..tokens.taken_to()))
}

fn example(left: &Term, value_type: ValueType) -> String {
    match value_type {
        ValueType::Count => format!("`{left} >= 20`"),
        ValueType::Duration => format!("`{left} < 500ms`"),
        ValueType::Share => format!("`{left} < 5%`"),
    }
}

fn mismatch(
    left: &Term,
    left_type: ValueType,
    right: &Term,
    right_type: ValueType,
    at: Range<usize>,
) -> TextProblem {
    let name = |value_type| match value_type {
        ValueType::Count => "a plain number",
        ValueType::Duration => "a time",
        ValueType::Share => "a share",
    };
    let message =
        format!("`{left}` is {}, `{right}` is {}: they do not compare", name(left_type), name(right_type));
    let problem = TextProblem::new(codes::EXPRESSION_TYPE, at, message).label("two types");
    match (left, right) {
        (Term::Quantity(_), Term::Constant(number))
            if (left_type, right_type) == (ValueType::Share, ValueType::Count) =>
        {
            problem.help(format!("did you mean `{number}%`?"))
        }
        (_, Term::Constant(number)) if right_type == ValueType::Count => {
            problem.help(format!("did you mean `{number}ms` or `{number}s`?"))
        }
        (Term::Constant(number), _) if left_type == ValueType::Count => {
            problem.help(format!("did you mean `{number}ms` or `{number}s`?"))
        }
        (Term::Quantity(_), Term::Constant(_)) => {
            problem.help(format!("compare it like {}", example(left, left_type)))
        }
        _ => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reprinted(text: &str) -> String {
        parse(text).map_or_else(|problem| problem.to_string(), |expr| expr.to_string())
    }

    #[test]
    fn the_canonical_text_reads_as_it_is_written() {
        for text in [
            "time >= 10s and unreplicated(orders/0) >= 20",
            "p99(produce) < 40ms outside faults",
            "p99.9(produce) < 1m during kill-leader",
            "rto(kill-leader) < 9s",
            "not (acked > 1 or sent > 1) and lost == 0",
            "max(lost-window) <= 2s",
            "max(lag(billing)) < 60000 and lag(billing) == 0 by end",
            "stopped-time(billing) < 0.5% or members(billing) == 6",
            "rebalances(billing) >= 10",
            "max(rebalance-duration(billing)) < 30s",
            "count(no-duplicates) == 0 or max(produce) < 1s",
            "(p50(produce) < 1ms and max(produce) < 9ms) outside faults",
        ] {
            assert_eq!(reprinted(text), text);
        }
    }

    #[test]
    fn and_binds_tighter_than_or() {
        assert_eq!(reprinted("acked > 1 or (sent > 1 and lost > 1)"), "acked > 1 or sent > 1 and lost > 1");
        assert_eq!(reprinted("(acked > 1 or sent > 1) and lost > 1"), "(acked > 1 or sent > 1) and lost > 1");
    }

    #[test]
    fn a_duration_does_not_compare_with_a_bare_number() {
        let problem = parse("time >= 10").expect_err("types");
        assert_eq!(
            (problem.code.id, problem.help.as_deref()),
            ("T017", Some("did you mean `10ms` or `10s`?"))
        );
    }

    #[test]
    fn a_problem_points_at_its_place() {
        assert_eq!(parse("time >= 10s and akced > 3").expect_err("misspelt").at, 16..21);
        assert_eq!(parse("time >=").expect_err("cut short").at, 7..7);
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        for (before, after) in [("(", ")"), ("not ", ""), ("acked > 1 and ", ""), ("max(", ")")] {
            for depth in [60, 100_000] {
                let text = format!("{}acked > 1{}", before.repeat(depth), after.repeat(depth));
                let answer = parse(&text);
                assert!(depth == 60 || answer.is_err_and(|problem| problem.code.id == "T016"), "{before}");
            }
        }
    }
}
