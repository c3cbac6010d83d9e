//! Who asks.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::Grants;
use crate::tenant::limits::ClaimedLimits;

/// What sort of credential was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The operator's token.
    Operator,
    /// A token of the tenant, with its id.
    Token(Uuid),
    /// An access token of an OAuth client of the tenant, with the client's id.
    Client(Uuid),
    /// A certificate that the tenant has named, with its id.
    Certificate(Uuid),
    /// A JWT of an issuer of the tenant, with the issuer's id.
    Issuer(Uuid),
    /// What the resolver of a realm knows, with the realm's id.
    Resolver(Uuid),
    /// None, where none is needed.
    Nobody,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Principal {
    /// What sort of credential was shown.
    pub kind: PrincipalKind,
    /// Who acts, for the record: `operator`, `token:<id>`, `client:<id>`,
    /// `certificate:<id>`, `jwt:<id of the issuer>:<subject>`, `resolver:<id of the realm>:<subject>`,
    /// `nobody`.
    pub actor: Arc<str>,
    /// What it may do.
    pub grants: Grants,
    /// The resource that it speaks for, if one.
    pub subject: Option<Uuid>,
    /// When its credential ends, if that is said of it. That a JWT or an access token expires is not:
    /// there is a new one for the asking.
    pub ends: Option<OffsetDateTime>,
    /// What it says that it may cost, where that is less than the tenant may.
    pub claimed: ClaimedLimits,
}

impl Principal {
    /// Whether they may give this to somebody until then: it is not more than they have, and not for
    /// longer.
    #[must_use]
    pub fn may_give(&self, grants: &Grants, until: Option<OffsetDateTime>) -> bool {
        let is_in_time = self.ends.is_none_or(|ends| until.is_some_and(|until| until <= ends));
        is_in_time && self.grants.covers(grants)
    }

    /// The operator.
    #[must_use]
    pub fn operator() -> Self {
        Self::of(PrincipalKind::Operator, "operator".into(), Grants::operator())
    }

    /// Who shows nothing, and may do nothing.
    #[must_use]
    pub fn nobody() -> Self {
        Self::of(PrincipalKind::Nobody, "nobody".into(), Grants::default())
    }

    /// Who shows a token, which may end.
    #[must_use]
    pub fn token(
        id: Uuid,
        grants: Grants,
        subject: Option<Uuid>,
        ends: Option<OffsetDateTime>,
    ) -> Self {
        let token = Self::of(PrincipalKind::Token(id), format!("token:{id}"), grants);
        Self { subject, ends, ..token }
    }

    /// Who shows a certificate, which may end.
    #[must_use]
    pub fn certificate(
        id: Uuid,
        grants: Grants,
        subject: Option<Uuid>,
        ends: Option<OffsetDateTime>,
    ) -> Self {
        let actor = format!("certificate:{id}");
        Self { subject, ends, ..Self::of(PrincipalKind::Certificate(id), actor, grants) }
    }

    /// Who shows an access token.
    #[must_use]
    pub fn client(id: Uuid, grants: Grants) -> Self {
        Self::of(PrincipalKind::Client(id), format!("client:{id}"), grants)
    }

    /// Who shows a JWT of an issuer; the subject as it is shown.
    #[must_use]
    pub fn of_issuer(
        id: Uuid,
        shown_subject: &str,
        grants: Grants,
        subject: Option<Uuid>,
        claimed: ClaimedLimits,
    ) -> Self {
        let actor = format!("jwt:{id}:{shown_subject}");
        Self { subject, claimed, ..Self::of(PrincipalKind::Issuer(id), actor, grants) }
    }

    /// Of whom the resolver of a realm has told; the subject as it is shown, if one was told.
    #[must_use]
    pub fn of_resolver(realm: Uuid, shown_subject: Option<&str>, grants: Grants) -> Self {
        let actor = match shown_subject {
            Some(subject) => format!("resolver:{realm}:{subject}"),
            None => format!("resolver:{realm}"),
        };
        Self::of(PrincipalKind::Resolver(realm), actor, grants)
    }

    fn of(kind: PrincipalKind, actor: String, grants: Grants) -> Self {
        let actor = actor.into();
        Self { kind, actor, grants, subject: None, ends: None, claimed: ClaimedLimits::default() }
    }
}
