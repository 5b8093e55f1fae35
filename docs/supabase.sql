-- The tables in which qiaod keeps the conversations of its chat API. Run it once in the SQL editor of the Supabase
-- project; running it again changes nothing. docs/chat.md tells the rest.

begin;

create table if not exists public.qiaod_conversations (
    id         text        primary key,              -- the name that the caller of the API gave it
    user_id    text        not null check (user_id <> ''),  -- who wrote first: nobody else may read or write it
    made_by    text        not null default '',      -- the key of qiaod whose call that was
    chat       text        not null default '',      -- its name at a workflow that remembers by itself
    created_at timestamptz not null default now()
);
create index if not exists qiaod_conversations_user on public.qiaod_conversations (user_id);

create table if not exists public.qiaod_messages (
    id              text        collate "C" primary key,  -- a UUIDv7: in the order things were said
    conversation_id text        not null references public.qiaod_conversations (id) on delete cascade,
    content         text        not null,
    is_user         boolean     not null,            -- false: the assistant
    workflow_id     text,                            -- of an answer: which workflow gave it
    created_at      timestamptz not null default now()
);
create index if not exists qiaod_messages_conversation on public.qiaod_messages (conversation_id, id);

-- Nobody but the service key writes, and only it reads everything: it passes by these policies.
alter table public.qiaod_conversations enable row level security;
alter table public.qiaod_messages enable row level security;

revoke all on public.qiaod_conversations, public.qiaod_messages from anon, authenticated;
grant select on public.qiaod_conversations, public.qiaod_messages to authenticated;
grant select, insert, update, delete on public.qiaod_conversations, public.qiaod_messages to service_role;

-- A user who is logged in at Supabase may read what is theirs, where user_id is their id there.
drop policy if exists "their own conversations" on public.qiaod_conversations;
create policy "their own conversations" on public.qiaod_conversations
    for select to authenticated using (user_id = (select auth.uid())::text);

drop policy if exists "messages of their own conversations" on public.qiaod_messages;
create policy "messages of their own conversations" on public.qiaod_messages
    for select to authenticated using (
        exists (
            select 1 from public.qiaod_conversations c
             where c.id = qiaod_messages.conversation_id and c.user_id = (select auth.uid())::text
        )
    );

notify pgrst, 'reload schema';  -- so that the API knows the tables at once

commit;
