//! The generated traits of each world, over the author's.

use super::Exported;
use super::{after_commit, after_read, before_delete, before_query, before_write};
use super::{documents, resolver, schema, types, validation};
use crate::answer::Issue;
use crate::context::{Context, Event, RequestHead};
use crate::document::Document;
use crate::{QueryDecision, WriteDecision};

impl<Plugin: crate::Schema> schema::exports::tenon::plugin::schema::Guest for Exported<Plugin> {
    fn describe() -> Vec<String> {
        Plugin::describe().into_values().iter().map(ToString::to_string).collect()
    }
}

impl<Plugin: crate::Validation> validation::exports::tenon::plugin::validation::Guest
    for Exported<Plugin>
{
    fn validate(
        context: types::Context,
        candidate: &documents::Document,
        current: Option<&documents::Document>,
    ) -> Result<Vec<types::Issue>, types::Failure> {
        let current = current.map(Document::lent);
        let candidate = Document::lent(candidate);
        Ok(raw_issues(Plugin::validate(&Context::from(context), &candidate, current.as_ref())?))
    }
}

impl<Plugin: crate::BeforeWrite> before_write::exports::tenon::plugin::before_write::Guest
    for Exported<Plugin>
{
    fn before_write(
        context: types::Context,
        candidate: &documents::Document,
        current: Option<&documents::Document>,
    ) -> Result<before_write::exports::tenon::plugin::before_write::Decision, types::Failure> {
        use before_write::exports::tenon::plugin::before_write::Decision;
        let current = current.map(Document::lent);
        let candidate = Document::lent(candidate);
        let context = Context::from(context);
        Ok(match Plugin::before_write(&context, &candidate, current.as_ref())? {
            WriteDecision::Proceed => Decision::Proceed,
            WriteDecision::Amend(edits) => {
                Decision::Amend(edits.into_iter().map(types::Edit::from).collect())
            }
            WriteDecision::Reject(issues) => Decision::Reject(raw_issues(issues)),
        })
    }
}

impl<Plugin: crate::BeforeDelete> before_delete::exports::tenon::plugin::before_delete::Guest
    for Exported<Plugin>
{
    fn before_delete(
        context: types::Context,
        current: &documents::Document,
    ) -> Result<Vec<types::Issue>, types::Failure> {
        let context = Context::from(context);
        Ok(raw_issues(Plugin::before_delete(&context, &Document::lent(current))?))
    }
}

impl<Plugin: crate::BeforeQuery> before_query::exports::tenon::plugin::before_query::Guest
    for Exported<Plugin>
{
    fn before_query(
        context: types::Context,
        filter: Option<String>,
    ) -> Result<before_query::exports::tenon::plugin::before_query::Decision, types::Failure> {
        use before_query::exports::tenon::plugin::before_query::Decision;
        Ok(match Plugin::before_query(&Context::from(context), filter.as_deref())? {
            QueryDecision::Proceed => Decision::Proceed,
            QueryDecision::Narrow(filter) => Decision::Narrow(filter),
            QueryDecision::Reject(issues) => Decision::Reject(raw_issues(issues)),
        })
    }
}

impl<Plugin: crate::AfterRead> after_read::exports::tenon::plugin::after_read::Guest
    for Exported<Plugin>
{
    fn after_read(
        context: types::Context,
        documents: Vec<documents::Document>,
    ) -> Result<Vec<Vec<types::Edit>>, types::Failure> {
        let documents: Vec<_> = documents.iter().map(Document::lent).collect();
        let edits = Plugin::after_read(&Context::from(context), &documents)?;
        let raw = |edits: Vec<crate::Edit>| edits.into_iter().map(types::Edit::from).collect();
        Ok(edits.into_iter().map(raw).collect())
    }
}

impl<Plugin: crate::AfterCommit> after_commit::exports::tenon::plugin::after_commit::Guest
    for Exported<Plugin>
{
    fn after_commit(
        context: types::Context,
        event: after_commit::exports::tenon::plugin::after_commit::Event,
        current: Option<&documents::Document>,
    ) -> Result<(), types::Failure> {
        let current = current.map(Document::lent);
        let (context, event) = (Context::from(context), Event::from(event));
        Ok(Plugin::after_commit(&context, &event, current.as_ref())?)
    }
}

impl<Plugin: crate::Resolver> resolver::exports::tenon::plugin::resolver::Guest
    for Exported<Plugin>
{
    fn resolve(
        head: resolver::exports::tenon::plugin::resolver::RequestHead,
    ) -> Result<Option<resolver::exports::tenon::plugin::resolver::Claim>, types::Failure> {
        Ok(Plugin::resolve(&RequestHead::from(head))?.map(Into::into))
    }
}

fn raw_issues(issues: Vec<Issue>) -> Vec<types::Issue> {
    issues.into_iter().map(types::Issue::from).collect()
}
