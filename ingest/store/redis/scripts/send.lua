-- Have a message of an active job published. 1, or 0 when it is not active.
if not ACTIVE[call('HGET', key('job', args.name), 'state')] then
  return 0
end
send(args.name, args.message)
return 1
