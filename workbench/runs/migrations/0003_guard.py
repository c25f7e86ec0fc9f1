"""The state machine of a run, held by the database: numbers, checks, legal transitions, fence, history, wake-ups."""

from django.db import migrations, models

from workbench.runs.state import transitions

NUMBERS = """
create sequence runs_run_number owned by runs_run.number;
alter table runs_run alter column number set default nextval('runs_run_number');
create unique index one_number_per_run on runs_run(number);
"""
NUMBERS_BACK = """
drop index one_number_per_run;
alter table runs_run alter column number set default 0;
drop sequence runs_run_number;
"""

CHECKS = """
alter table runs_run
  add constraint run_state_known check (state in ('draft','queued','claimed','running','pausing','paused',
    'cancelling','retry_wait','succeeded','failed','cancelled','quarantined')),
  add constraint run_desired_known check (desired in ('run','pause','cancel')),
  add constraint lease_iff_active check ((state in ('claimed','running','pausing','cancelling'))
    = (slot_id is not null and lease_until is not null and owner is not null));
create unique index one_run_per_slot on runs_run(slot_id) where slot_id is not null;
create index run_ready on runs_run(queue, priority desc, not_before, number) where state in ('queued','retry_wait');
create index run_leased on runs_run(lease_until) where lease_until is not null;
"""
CHECKS_BACK = """
drop index run_leased; drop index run_ready; drop index one_run_per_slot;
alter table runs_run drop constraint lease_iff_active, drop constraint run_desired_known, drop constraint run_state_known;
"""

LEGAL = "create table runs_legal (f text, t text, actor text, primary key (f, t, actor));" + "".join(
    f"insert into runs_legal values ('{f}', '{t}', '{actor}');" for f, t, actor in transitions()
)

# before: refuse what is not legal. after: history and notifications. WB001 illegal transition, WB002 fence or frozen spec.
GUARD = """
create function runs_guard() returns trigger language plpgsql as $$
declare who text := coalesce(current_setting('wb.actor', true), '');
begin
  if new.fence < old.fence then
    raise exception 'the fence of run % went back from % to %', new.number, old.fence, new.fence using errcode = 'WB002';
  end if;
  if old.state <> 'draft' and (new.spec <> old.spec or new.spec_sha256 <> old.spec_sha256) then
    raise exception 'the spec of run % is frozen', new.number using errcode = 'WB002';
  end if;
  if new.state <> old.state and not exists
      (select 1 from runs_legal where f = old.state and t = new.state and actor = who) then
    raise exception 'illegal transition of run %: % -> % by "%"', new.number, old.state, new.state, who using errcode = 'WB001';
  end if;
  return new;
end $$;
create trigger runs_guard before update on runs_run for each row execute function runs_guard();

create function runs_history() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' or new.state <> old.state then
    insert into runs_runevent (run_id, type, attempt, fence, data, at) values (new.id, 'state', new.attempt, new.fence,
      jsonb_build_object('from', case when tg_op = 'INSERT' then null else old.state end, 'to', new.state,
        'actor', coalesce(nullif(current_setting('wb.actor', true), ''), 'user')), clock_timestamp());
    if new.state in ('queued', 'retry_wait') then
      perform pg_notify('run_ready', new.id::text);
    end if;
  end if;
  if tg_op = 'INSERT' or (new.state, new.desired, new.phase, new.wait_reason, new.progress, new.report, new.error, new.title)
      is distinct from (old.state, old.desired, old.phase, old.wait_reason, old.progress, old.report, old.error, old.title) then
    perform pg_notify('run_changed', new.id::text);
  end if;
  return null;
end $$;
create trigger runs_history after insert or update on runs_run for each row execute function runs_history();
"""
GUARD_BACK = """
drop trigger runs_history on runs_run; drop function runs_history();
drop trigger runs_guard on runs_run; drop function runs_guard();
"""


class Migration(migrations.Migration):

    dependencies = [("runs", "0002_initial")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="events_seen",
            field=models.BigIntegerField(default=0, help_text="Events of this attempt that are already in the database"),
        ),
        migrations.RunSQL(NUMBERS, NUMBERS_BACK),
        migrations.RunSQL(CHECKS, CHECKS_BACK),
        migrations.RunSQL(LEGAL, "drop table runs_legal"),
        migrations.RunSQL(GUARD, GUARD_BACK),
    ]
