-- Begin a pass with its opening task: see ingest.store.tasks.Tasks.begin_pass. Returns 1, or 0 when it does not begin.
local KEPT = 100 -- earlier passes, begun or skipped, that are recognised when their message is delivered once more
local job, pass, passes = key('job', args.name), key('pass', args.pass_id), key('passes', args.name)
local now = clock()
local state, previous, planned = unpack(call('HMGET', job, 'state', 'pass_id', 'next_number'))
if not ACTIVE[state] or call('EXISTS', pass) == 1 then
  return 0
end
if args.following then
  -- Schedule one pass at most: a late message must not start a second chain of passes.
  if planned and call('ZSCORE', key('schedule'), planned) then
    drop_message(planned)
  end
  local number = plan(args.name, args.next_in, args.following)
  call('HSET', job, 'next_number', number, 'next_pass', now + args.next_in)
end
call('HSET', pass, 'job', args.name, 'started', now)
call('RPUSH', passes, args.pass_id)
if state == 'running' then
  call('HSET', pass, 'ended', now)
  call('HINCRBY', job, 'passes_skipped', 1)
  return 0
end
if not args.keep_problems then
  call('DEL', key('problems', args.name), key('problem-order', args.name))
end
if previous then
  drop_pass(previous, false)
end
for _ = KEPT + 1, call('LLEN', passes) do
  drop_pass(call('LPOP', passes), true)
end
call('HSET', job, 'state', 'running', 'pass_id', args.pass_id)
call('HINCRBY', job, 'passes', 1)
add_child(args.name, args.pass_id, args.opening)
return 1
