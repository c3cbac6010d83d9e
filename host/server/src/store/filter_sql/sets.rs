//! Terms that an index answers: the ids of the resources that satisfy one, and whether a resource
//! whose id is known does. Neither looks at a document, unless a value is too long for its key.

use tenon_scim::filter::{BoundFilter, CompareOp, Comparison, Operand};
use tenon_scim::index::{self, KEY_CHARS, STRAY};
use tenon_scim::path::AttributeRef;
use tenon_scim::schema::Kind;
use uuid::Uuid;

use super::binds::Binds;
use super::derived::{and_seen, group_named, id, member_named, unbracketed};
use super::document::{self, DOCUMENT, Of};
use super::operand::{Test, after_all_with};
use super::{Space, TENANT};

/// Resources, as an index finds them.
#[derive(Debug, Clone)]
pub(super) enum Set<'f> {
    Empty,
    One(Uuid),
    /// Those with such a value.
    Valued(Valued<'f>),
    /// The groups that have this member.
    GroupsOf(OtherSide<'f>),
    /// The members of this group, also through nested groups.
    Within(OtherSide<'f>),
    Union(Vec<Set<'f>>),
}

/// What is on the other side of memberships; nobody has those with one that is not seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct OtherSide<'f> {
    id: Uuid,
    space: Space<'f>,
}

impl OtherSide<'_> {
    /// The place of its id.
    fn id(self, binds: &mut Binds) -> String {
        binds.uuid(self.id)
    }

    /// The rest of a condition: it is seen.
    fn and_seen(self, binds: &mut Binds) -> String {
        let id = self.id(binds);
        and_seen(&id, &self.space, binds)
    }
}

/// Resources with a value of an indexed attribute.
#[derive(Debug, Clone)]
pub(super) struct Valued<'f> {
    pub(super) target: AttributeRef<'f>,
    /// Whether its values are unique, and so in a table of their own.
    pub(super) unique: bool,
    pub(super) looked_for: LookedFor<'f>,
}

#[derive(Debug, Clone)]
pub(super) enum LookedFor<'f> {
    Anything,
    /// This key.
    Key(String),
    Test(Test, &'f Comparison<'f>),
}

/// A set of resources, and what it has to do with a term of a filter.
#[derive(Debug, Clone)]
pub(super) struct Driver<'f> {
    pub(super) set: Set<'f>,
    /// Whether the set is all that the term says. Otherwise it has more than satisfy it.
    pub(super) exact: bool,
    /// How many resources such a set has as a rule: the smaller, the fewer.
    pub(super) rank: u8,
}

/// Up to this rank, a set has one resource or none.
pub(super) const ONE: u8 = 1;
/// From this rank on, a set may have a good part of all resources.
pub(super) const MANY: u8 = 4;
/// From this rank on, to count a set is as much as to read it.
pub(super) const SCANNED: u8 = 6;

/// The set of a term, where an index has it.
pub(super) fn driver<'f>(term: &'f BoundFilter<'f>, space: &Space<'f>) -> Option<Driver<'f>> {
    match term {
        BoundFilter::Constant(false) => Some(found(Set::Empty, 0)),
        BoundFilter::Constant(true) | BoundFilter::Not(_) => None,
        BoundFilter::And(terms) => {
            let drivers = terms.iter().filter_map(|term| driver(term, space));
            let best = drivers.min_by_key(|driver| driver.rank)?;
            Some(Driver { exact: false, ..best })
        }
        BoundFilter::Or(terms) => {
            let drivers: Option<Vec<_>> = terms.iter().map(|term| driver(term, space)).collect();
            union(drivers?)
        }
        BoundFilter::Present(target) => {
            let looked_for = LookedFor::Anything;
            let valued = valued(*target, looked_for, space)?;
            Some(found(Set::Valued(valued), 7))
        }
        BoundFilter::Compare(comparison) => compared(comparison, comparison.target, space),
        BoundFilter::Element(target, inner) => in_element(*target, inner, space),
    }
}

fn found(set: Set<'_>, rank: u8) -> Driver<'_> {
    Driver { set, exact: true, rank }
}

fn union(drivers: Vec<Driver<'_>>) -> Option<Driver<'_>> {
    let rank = drivers.iter().map(|it| it.rank).max()?;
    let exact = drivers.iter().all(|it| it.exact);
    let set = Set::Union(drivers.into_iter().map(|it| it.set).collect());
    Some(Driver { set, exact, rank })
}

/// Between brackets, a value has to satisfy all terms: the best of them finds more than satisfy
/// all.
fn in_element<'f>(
    target: AttributeRef<'f>,
    inner: &'f BoundFilter<'f>,
    space: &Space<'f>,
) -> Option<Driver<'f>> {
    if let Some(comparison) = unbracketed(target, inner, space) {
        return membership(&comparison, space);
    }
    let inexact = |driver: Driver<'f>| Driver { exact: false, ..driver };
    match inner {
        BoundFilter::And(terms) => {
            let drivers = terms.iter().filter_map(|term| in_element(target, term, space));
            drivers.min_by_key(|driver| driver.rank).map(inexact)
        }
        BoundFilter::Or(terms) => {
            let drivers: Option<Vec<_>> =
                terms.iter().map(|term| in_element(target, term, space)).collect();
            union(drivers?).map(inexact)
        }
        BoundFilter::Compare(comparison) => {
            let sub =
                (target.attribute.kind == Kind::Complex).then_some(comparison.target.attribute);
            compared(comparison, AttributeRef { sub, ..target }, space).map(inexact)
        }
        _ => None,
    }
}

fn membership<'f>(comparison: &Comparison<'_>, space: &Space<'f>) -> Option<Driver<'f>> {
    let set = |id: Option<Uuid>, set: fn(OtherSide<'f>) -> Set<'f>| {
        id.map_or(Set::Empty, |id| set(OtherSide { id, space: *space }))
    };
    if let Some(member) = member_named(comparison, space) {
        return Some(found(set(member, Set::GroupsOf), 2));
    }
    let group = group_named(comparison, space)?;
    Some(found(set(group, Set::Within), 4))
}

/// `target` is that of the comparison in a resource: between brackets it is a part of another.
fn compared<'f>(
    comparison: &'f Comparison<'f>,
    target: AttributeRef<'f>,
    space: &Space<'f>,
) -> Option<Driver<'f>> {
    if let Some(membership) = membership(comparison, space) {
        return Some(membership);
    }
    if let Some(id) = named_id(comparison, target) {
        return Some(found(id.map_or(Set::Empty, Set::One), ONE));
    }
    let unique = index::is_found_by_uniqueness(space.resource_type, target);
    let looked_for = looked_for(comparison, target, unique)?;
    let rank = match &looked_for {
        LookedFor::Key(_) if unique => ONE,
        LookedFor::Key(_) if target.leaf().kind == Kind::Boolean => 5,
        LookedFor::Key(_) => 2,
        LookedFor::Test(Test::Never, _) => return Some(found(Set::Empty, 0)),
        LookedFor::Test(Test::Begins(_), _) => 4,
        LookedFor::Test(Test::Ordered(..), _) => 5,
        _ => SCANNED,
    };
    let valued = valued(target, looked_for, space)?;
    Some(found(Set::Valued(valued), rank))
}

/// The id that `id eq "…"` asks for; the inner `None` is none.
fn named_id(comparison: &Comparison<'_>, target: AttributeRef<'_>) -> Option<Option<Uuid>> {
    let is_id = target.extension.is_none() && target.attribute.name == "id";
    match (&comparison.operand, comparison.op) {
        (Operand::Text(text), CompareOp::Eq) if is_id => Some(id(text)),
        _ => None,
    }
}

/// What an index is asked for; `None` where it cannot answer. What keeps values unique has them whole,
/// `attr_index` has their keys.
fn looked_for<'f>(
    comparison: &'f Comparison<'f>,
    target: AttributeRef<'f>,
    unique: bool,
) -> Option<LookedFor<'f>> {
    if comparison.op == CompareOp::Ne {
        return None;
    }
    if let Operand::Bool(value) = comparison.operand {
        return Some(LookedFor::Key(value.to_string()));
    }
    // Of a text that is longer than a key, the index knows no order and no parts.
    let is_whole = |text: &str| unique || index::is_whole_key(text);
    match Test::of(comparison)? {
        Test::LeadsTo(_) => None,
        Test::Equals(text) if unique || !is_text(target) => Some(LookedFor::Key(text)),
        Test::Equals(text) => Some(LookedFor::Key(index::text_key(&text))),
        Test::Never => Some(LookedFor::Test(Test::Never, comparison)),
        test => {
            let (Test::Contains(text)
            | Test::Begins(text)
            | Test::Ends(text)
            | Test::Ordered(_, text)) = &test
            else {
                return None;
            };
            (!is_text(target) || is_whole(text)).then(|| LookedFor::Test(test.clone(), comparison))
        }
    }
}

fn is_text(target: AttributeRef<'_>) -> bool {
    matches!(target.leaf().kind, Kind::String | Kind::Reference | Kind::Binary)
}

fn valued<'f>(
    target: AttributeRef<'f>,
    looked_for: LookedFor<'f>,
    space: &Space<'_>,
) -> Option<Valued<'f>> {
    let unique = index::is_found_by_uniqueness(space.resource_type, target);
    (unique || space.ready.contains(&target.path())).then_some(Valued {
        target,
        unique,
        looked_for,
    })
}

impl Set<'_> {
    /// A query of the ids of the set, each once.
    pub(super) fn sql(&self, space: &Space<'_>, binds: &mut Binds) -> String {
        let of_type = binds.text(&space.resource_type.name);
        match self {
            Self::Empty => "SELECT NULL::uuid AS id WHERE false".to_owned(),
            Self::One(id) => format!(
                "SELECT id FROM resources WHERE tenant_id = {TENANT} AND type = {of_type} AND id = {}",
                binds.uuid(*id)
            ),
            Self::Valued(valued) if valued.unique => format!(
                "SELECT a.id FROM unique_values AS a WHERE a.tenant_id = {TENANT} \
                 AND a.type = {of_type} AND a.attr = {} AND {}",
                binds.text(&valued.target.path()),
                valued.condition(binds)
            ),
            Self::Valued(valued) => valued.entries("SELECT DISTINCT a.id", space, binds),
            Self::GroupsOf(member) => {
                let (id, and_seen) = (member.id(binds), member.and_seen(binds));
                let ids = format!(
                    "SELECT group_id AS id FROM group_members WHERE tenant_id = {TENANT} \
                     AND member_id BETWEEN {id} AND {id}{and_seen} \
                     ORDER BY member_id, group_id OFFSET 0"
                );
                of_one_type(&ids, &of_type)
            }
            Self::Within(group) => {
                let names = space.types.iter().map(|it| it.name.clone()).collect();
                let (id, and_seen) = (group.id(binds), group.and_seen(binds));
                let ids = within(&id, &binds.texts(names), &and_seen);
                of_one_type(&ids, &of_type)
            }
            Self::Union(sets) => {
                let sets: Vec<_> =
                    sets.iter().map(|set| format!("({})", set.sql(space, binds))).collect();
                sets.join(" UNION ")
            }
        }
    }

    /// The same ids, some of them more than once: a query of which the first rows need no others.
    pub(super) fn repeating(&self, space: &Space<'_>, binds: &mut Binds) -> String {
        match self {
            Self::Valued(valued) if !valued.unique => valued.entries("SELECT a.id", space, binds),
            Self::Union(sets) => {
                let sets: Vec<_> =
                    sets.iter().map(|set| format!("({})", set.repeating(space, binds))).collect();
                sets.join(" UNION ALL ")
            }
            _ => self.sql(space, binds),
        }
    }
}

/// Those of a type, of ids that may be of any.
fn of_one_type(ids: &str, of_type: &str) -> String {
    format!(
        "SELECT t.id FROM ({ids}) AS s CROSS JOIN LATERAL (SELECT id FROM resources \
         WHERE tenant_id = {TENANT} AND type = {of_type} AND id BETWEEN s.id AND s.id \
             ORDER BY id LIMIT 1) AS t \
         WHERE t.id = s.id"
    )
}

/// All that is in a group, as `groups` of users shows it: a group of a type that no active plugin
/// defines is not shown.
fn within(group: &str, names: &str, and_seen: &str) -> String {
    format!(
        "WITH RECURSIVE within (id) AS ( \
             SELECT m.member_id FROM ( \
                 SELECT member_id FROM group_members WHERE tenant_id = {TENANT} \
                 AND group_id BETWEEN {group} AND {group} ORDER BY group_id, member_id OFFSET 0) AS m \
             WHERE EXISTS (SELECT FROM resources WHERE tenant_id = {TENANT} AND id = {group} \
                 AND type = ANY({names})){and_seen} \
             UNION \
             SELECT m.member_id FROM within AS w CROSS JOIN LATERAL ( \
                 SELECT member_id FROM group_members WHERE tenant_id = {TENANT} \
                 AND group_id BETWEEN w.id AND w.id ORDER BY group_id, member_id OFFSET 0) AS m) \
         SELECT id FROM within"
    )
}

impl Valued<'_> {
    /// Whether documents say what entries do not that are shorter than their values.
    pub(super) fn asks_documents(&self) -> bool {
        let is_part =
            matches!(self.looked_for, LookedFor::Test(Test::Contains(_) | Test::Ends(_), _));
        is_part && !self.unique
    }

    /// The resources that have such an entry in `attr_index`.
    fn entries(&self, select: &str, space: &Space<'_>, binds: &mut Binds) -> String {
        let from = format!(
            "{select} FROM attr_index AS a WHERE a.tenant_id = {TENANT} \
             AND a.type = {} AND a.attr = {}",
            binds.text(&space.resource_type.name),
            binds.text(&self.target.path())
        );
        let condition = self.condition(binds);
        match &self.looked_for {
            LookedFor::Anything => format!("{from} AND {condition}"),
            LookedFor::Test(Test::Contains(_) | Test::Ends(_), comparison) => {
                let has_parts = self.target.leaf().has_indexed_substrings();
                let substrings = if has_parts { "AND a.substrings" } else { "" };
                let resource = self.holds_in_document(comparison, space, binds);
                // The second part has a small index of its own, so that the first may have one for
                // parts of texts.
                format!(
                    "{from} AND a.elem >= 0 {substrings} AND {condition} \
                     AND length(a.val) <= {KEY_CHARS} \
                     UNION {from} AND length(a.val) > {KEY_CHARS} AND {resource}"
                )
            }
            _ => format!("{from} AND a.elem >= 0 AND {condition}"),
        }
    }

    /// What a value that is longer than its key says is in the document alone.
    fn holds_in_document(
        &self,
        comparison: &Comparison<'_>,
        space: &Space<'_>,
        binds: &mut Binds,
    ) -> String {
        let comparison = Comparison { target: self.target, ..comparison.clone() };
        let condition =
            document::condition(&BoundFilter::Compare(comparison), Of::Row(space), binds);
        format!(
            "EXISTS (SELECT FROM (SELECT * FROM resources WHERE tenant_id = {TENANT} \
             AND id BETWEEN a.id AND a.id \
             ORDER BY id LIMIT 1) AS r {DOCUMENT} WHERE r.id = a.id AND {condition})"
        )
    }

    /// The condition on `a.val`, as an index can use it.
    fn condition(&self, binds: &mut Binds) -> String {
        match &self.looked_for {
            LookedFor::Anything if self.unique => "a.val <> ''".to_owned(),
            LookedFor::Anything => format!("(a.val <> '' OR a.elem = {STRAY})"),
            LookedFor::Key(key) => format!("a.val = {}", binds.text(key)),
            LookedFor::Test(Test::Begins(prefix), _) => {
                let from = format!("a.val >= {}", binds.text(prefix));
                match after_all_with(prefix) {
                    Some(end) => format!("{from} AND a.val < {}", binds.text(&end)),
                    None => from,
                }
            }
            LookedFor::Test(Test::Contains(part), _) => {
                format!("a.val LIKE {}", binds.text(&format!("%{}%", escaped(part))))
            }
            LookedFor::Test(Test::Ends(end), _) => {
                format!("a.val LIKE {}", binds.text(&format!("%{}", escaped(end))))
            }
            LookedFor::Test(test, _) => test.sql("a.val", binds),
        }
    }
}

/// A text as a pattern of `LIKE`.
fn escaped(text: &str) -> String {
    let special = |c| matches!(c, '%' | '_' | '\\');
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// Whether the resource with the id `id`, an SQL expression, satisfies a filter, by looking up
/// single rows of an index; `None` where they do not say it.
pub(super) fn probe(
    filter: &BoundFilter<'_>,
    id: &str,
    space: &Space<'_>,
    binds: &mut Binds,
) -> Option<String> {
    let mut all = |terms: &[BoundFilter<'_>], operator: &str| -> Option<String> {
        let terms: Option<Vec<_>> =
            terms.iter().map(|term| probe(term, id, space, binds)).collect();
        Some(format!("({})", terms?.join(operator)))
    };
    match filter {
        BoundFilter::And(terms) => all(terms, " AND "),
        BoundFilter::Or(terms) => all(terms, " OR "),
        BoundFilter::Not(inner) => Some(format!("(NOT {})", probe(inner, id, space, binds)?)),
        BoundFilter::Constant(answer) => Some(answer.to_string()),
        BoundFilter::Compare(comparison) if comparison.op == CompareOp::Ne => {
            let (attribute, sub) = (comparison.target.attribute, comparison.target.sub);
            if attribute.multi_valued || sub.is_some_and(|sub| sub.multi_valued) {
                return None;
            }
            let equal = Comparison { op: CompareOp::Eq, ..comparison.clone() };
            Some(format!("(NOT {})", probe_equal(&equal, id, space, binds)?))
        }
        BoundFilter::Compare(comparison) if comparison.op == CompareOp::Eq => {
            probe_equal(comparison, id, space, binds)
        }
        _ => None,
    }
}

fn probe_equal(
    comparison: &Comparison<'_>,
    id: &str,
    space: &Space<'_>,
    binds: &mut Binds,
) -> Option<String> {
    let exists = |set: &str| format!("EXISTS (SELECT FROM ({set}) AS s WHERE s.id = {id})");
    match compared(comparison, comparison.target, space)?.set {
        Set::Empty => Some("false".to_owned()),
        Set::One(one) => Some(format!("{id} = {}", binds.uuid(one))),
        Set::GroupsOf(member) => Some(exists(&format!(
            "SELECT group_id AS id FROM group_members WHERE tenant_id = {TENANT} AND member_id = {}{}",
            member.id(binds),
            member.and_seen(binds)
        ))),
        Set::Valued(valued) => {
            let table = if valued.unique { "unique_values" } else { "attr_index" };
            let real = if valued.unique { "" } else { "AND a.elem >= 0" };
            Some(exists(&format!(
                "SELECT a.id FROM {table} AS a WHERE a.tenant_id = {TENANT} AND a.type = {} \
                 AND a.attr = {} AND {} {real}",
                binds.text(&space.resource_type.name),
                binds.text(&valued.target.path()),
                valued.condition(binds)
            )))
        }
        Set::Within(_) | Set::Union(_) => None,
    }
}
