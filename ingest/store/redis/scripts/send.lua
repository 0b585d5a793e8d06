-- Add a message of a job to the outbox. Returns 1, or 0 when the job is not active.
if not ACTIVE[call('HGET', key('job', args.name), 'state')] then
  return 0
end
send(args.name, args.message)
return 1
