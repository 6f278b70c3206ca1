//! Which words of a statement are keywords.
//!
//! Almost every SQL keyword may be a column, table, alias or function name in Pinot. Instead of teaching the parser,
//! each word that is no keyword at its place is turned into a plain name before parsing.

use sqlparser::{
    keywords::Keyword,
    tokenizer::{Token, TokenWithSpan, Word},
};

/// Inside one pair of parentheses.
#[derive(Clone, Copy)]
struct Frame {
    /// The keyword whose parenthesis this is (CAST, TRIM, SUBSTRING, EXTRACT, POSITION).
    owner: Keyword,
    open_cases: u32,
}

/// How deep and how long a statement is, known before any parsing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    /// Deepest nesting of parentheses, brackets and CASE.
    pub(super) depth: usize,
    /// Number of operators, which bounds the height of the parser's left-deep trees.
    pub(super) operators: usize,
    /// Whether a construct is in it that only the multi-stage engine has.
    pub(super) multi_stage: bool,
}

/// Turns words that are no keywords here into plain names, and string literals after AS into aliases.
pub(super) fn demote_keywords(tokens: &mut [TokenWithSpan]) -> Extent {
    let mut extent = Extent::default();
    let mut frames = vec![Frame { owner: Keyword::NoKeyword, open_cases: 0 }];
    let mut depth = 0usize;
    let mut previous = Keyword::NoKeyword;
    let mut after_operand = false;
    let mut after_rparen = false;
    for i in 0..tokens.len() {
        let next = tokens.get(i + 1).map(|t| &t.token);
        let mut is_operand = false;
        let mut is_rparen = false;
        let mut keyword = Keyword::NoKeyword;
        match &tokens[i].token {
            Token::Word(word) if word.quote_style.is_none() && word.keyword != Keyword::NoKeyword => {
                let place = Place { previous, after_operand, after_rparen, frame: frames[frames.len() - 1] };
                if place.is_keyword(word.keyword, next, tokens.get(i + 3).map(|t| &t.token)) {
                    keyword = word.keyword;
                    is_operand = ends_operand(keyword);
                    let frame = frames.last_mut();
                    match (keyword, frame) {
                        (Keyword::CASE, Some(frame)) => {
                            frame.open_cases += 1;
                            depth += 1;
                        }
                        (Keyword::END, Some(frame)) => {
                            frame.open_cases = frame.open_cases.saturating_sub(1);
                            depth = depth.saturating_sub(1);
                        }
                        _ => {}
                    }
                    if matches!(
                        keyword,
                        Keyword::AND
                            | Keyword::OR
                            | Keyword::NOT
                            | Keyword::IS
                            | Keyword::LIKE
                            | Keyword::IN
                            | Keyword::BETWEEN
                    ) {
                        extent.operators += 1;
                    }
                    extent.multi_stage |= is_multi_stage(keyword);
                } else {
                    if matches!(word.keyword, Keyword::GROUPING)
                        && matches!(next, Some(Token::Word(w)) if w.keyword == Keyword::SETS)
                    {
                        extent.multi_stage = true;
                    }
                    is_operand = true;
                    if let Token::Word(word) = &mut tokens[i].token {
                        word.keyword = Keyword::NoKeyword;
                    }
                }
            }
            Token::Word(_) => is_operand = true,
            Token::SingleQuotedString(_) if previous == Keyword::AS => {
                if let Token::SingleQuotedString(text) = &mut tokens[i].token {
                    let value = std::mem::take(text);
                    tokens[i].token = Token::Word(Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword });
                }
                is_operand = true;
            }
            Token::LParen | Token::LBracket => {
                frames.push(Frame { owner: previous, open_cases: 0 });
                depth += 1;
            }
            Token::RParen | Token::RBracket => {
                if frames.len() > 1 {
                    frames.pop();
                    depth = depth.saturating_sub(1);
                }
                is_operand = true;
                is_rparen = true;
            }
            Token::Mul => {
                is_operand = !after_operand;
                extent.operators += 1;
            }
            Token::Comma | Token::SemiColon | Token::Period => {}
            Token::Plus
            | Token::Minus
            | Token::Div
            | Token::Mod
            | Token::StringConcat
            | Token::Eq
            | Token::Neq
            | Token::Lt
            | Token::LtEq
            | Token::Gt
            | Token::GtEq => extent.operators += 1,
            Token::Number(..) | Token::SingleQuotedString(_) | Token::HexStringLiteral(_) => is_operand = true,
            _ => {}
        }
        extent.depth = extent.depth.max(depth);
        previous = keyword;
        after_operand = is_operand;
        after_rparen = is_rparen;
    }
    extent
}

struct Place {
    previous: Keyword,
    after_operand: bool,
    after_rparen: bool,
    frame: Frame,
}

impl Place {
    fn is_keyword(&self, keyword: Keyword, next: Option<&Token>, after_next: Option<&Token>) -> bool {
        let next_keyword = match next {
            Some(Token::Word(word)) if word.quote_style.is_none() => word.keyword,
            _ => Keyword::NoKeyword,
        };
        let call = matches!(next, Some(Token::LParen));
        let literal = matches!(next, Some(Token::SingleQuotedString(_)));
        match keyword {
            Keyword::SELECT
            | Keyword::FROM
            | Keyword::WHERE
            | Keyword::HAVING
            | Keyword::LIMIT
            | Keyword::OFFSET
            | Keyword::FETCH
            | Keyword::DISTINCT
            | Keyword::UNION
            | Keyword::INTERSECT
            | Keyword::EXCEPT
            | Keyword::JOIN
            | Keyword::INNER
            | Keyword::CROSS
            | Keyword::NATURAL
            | Keyword::ON
            | Keyword::USING
            | Keyword::WITH
            | Keyword::VALUES
            | Keyword::WINDOW
            | Keyword::OVER
            | Keyword::INTO
            | Keyword::LATERAL
            | Keyword::CASE
            | Keyword::NOT => true,
            Keyword::GROUP | Keyword::ORDER => next_keyword == Keyword::BY,
            Keyword::PARTITION => next_keyword == Keyword::BY,
            Keyword::BY => matches!(self.previous, Keyword::GROUP | Keyword::ORDER | Keyword::PARTITION),
            Keyword::LEFT | Keyword::RIGHT | Keyword::FULL => {
                matches!(next_keyword, Keyword::JOIN | Keyword::OUTER | Keyword::SEMI | Keyword::ANTI | Keyword::ASOF)
            }
            Keyword::OUTER | Keyword::SEMI | Keyword::ANTI | Keyword::ASOF => next_keyword == Keyword::JOIN,
            Keyword::AS | Keyword::AND | Keyword::OR | Keyword::IS => self.after_operand,
            Keyword::IN | Keyword::LIKE | Keyword::BETWEEN => self.after_operand || self.previous == Keyword::NOT,
            Keyword::ASC | Keyword::DESC => self.after_operand && !call,
            Keyword::NULLS => matches!(next_keyword, Keyword::FIRST | Keyword::LAST),
            Keyword::FIRST | Keyword::LAST => matches!(self.previous, Keyword::NULLS | Keyword::FETCH),
            Keyword::NEXT => self.previous == Keyword::FETCH,
            Keyword::ROW | Keyword::ROWS => self.after_operand && !call,
            Keyword::ONLY => matches!(self.previous, Keyword::ROW | Keyword::ROWS),
            Keyword::TRUE | Keyword::FALSE | Keyword::NULL => !call,
            Keyword::UNKNOWN => matches!(self.previous, Keyword::IS | Keyword::NOT),
            Keyword::WHEN | Keyword::THEN | Keyword::ELSE | Keyword::END => self.frame.open_cases > 0,
            Keyword::ESCAPE => literal && self.after_operand,
            Keyword::CAST | Keyword::TRIM | Keyword::SUBSTRING | Keyword::POSITION | Keyword::EXISTS => call,
            Keyword::EXTRACT => call && matches!(after_next, Some(Token::Word(w)) if w.keyword == Keyword::FROM),
            Keyword::BOTH | Keyword::LEADING | Keyword::TRAILING => {
                self.frame.owner == Keyword::TRIM && !self.after_operand
            }
            Keyword::FOR => self.frame.owner == Keyword::SUBSTRING && self.after_operand,
            Keyword::ARRAY => matches!(next, Some(Token::LBracket)),
            Keyword::DATE | Keyword::TIME | Keyword::TIMESTAMP | Keyword::INTERVAL => literal,
            Keyword::ALL => {
                matches!(self.previous, Keyword::SELECT | Keyword::UNION | Keyword::EXCEPT | Keyword::INTERSECT)
                    || (!self.after_operand && !call && matches!(next, Some(Token::Word(_))))
            }
            Keyword::FILTER => self.after_rparen && call,
            Keyword::WITHIN => self.after_rparen && next_keyword == Keyword::GROUP,
            Keyword::MINUS => self.after_operand && (call || next_keyword == Keyword::SELECT),
            _ => false,
        }
    }
}

/// Keywords that end an operand, so that an infix word may follow.
fn ends_operand(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::END | Keyword::TRUE | Keyword::FALSE | Keyword::NULL | Keyword::UNKNOWN | Keyword::ROW | Keyword::ROWS
    )
}

fn is_multi_stage(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::JOIN
            | Keyword::UNION
            | Keyword::INTERSECT
            | Keyword::EXCEPT
            | Keyword::MINUS
            | Keyword::WITH
            | Keyword::OVER
            | Keyword::WINDOW
            | Keyword::LATERAL
            | Keyword::EXISTS
            | Keyword::WITHIN
            | Keyword::NATURAL
    )
}
