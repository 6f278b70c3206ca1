//! Pinot's dialect for `sqlparser`: what an identifier looks like and the short cuts through expression parsing.

use sqlparser::{
    ast::{Expr, ObjectName, Value, ValueWithSpan},
    dialect::Dialect,
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::Token,
};

/// Double quotes delimit identifiers, nothing else does; `$` belongs to identifiers (virtual columns).
#[derive(Debug)]
pub(super) struct PinotDialect;

impl Dialect for PinotDialect {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch == '_' || ch == '$' || ch.is_alphabetic()
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch == '_' || ch == '$' || ch.is_alphanumeric()
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_limit_comma(&self) -> bool {
        true
    }

    fn supports_subquery_as_function_arg(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    /// Literals, plain names and plain calls make up nearly every expression. The general path tries a data type
    /// first at each of them, which costs an error and a rewind.
    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let token = parser.peek_token_ref();
        let span = token.span;
        match &token.token {
            Token::Number(..) => match parser.next_token().token {
                Token::Number(text, long) => {
                    Some(Ok(Expr::Value(ValueWithSpan { value: Value::Number(text, long), span })))
                }
                _ => None,
            },
            Token::SingleQuotedString(_) => match parser.next_token().token {
                Token::SingleQuotedString(text) => {
                    Some(Ok(Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span })))
                }
                _ => None,
            },
            Token::Word(word) if word.keyword == Keyword::NoKeyword => {
                let ident = word.to_ident(span);
                parser.advance_token();
                if parser.peek_token_ref().token == Token::LParen {
                    return Some(parser.parse_function(ObjectName::from(vec![ident])));
                }
                Some(Ok(Expr::Identifier(ident)))
            }
            _ => None,
        }
    }
}
