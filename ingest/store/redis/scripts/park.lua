-- Keep a message of a paused job. Returns 1, or 0 when the job is not paused.
if call('HEXISTS', key('job', args.name), 'paused') == 0 then
  return 0
end
call('SADD', key('parked', args.name), keep(args.name, args.message))
return 1
