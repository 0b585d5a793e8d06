-- Take or renew a lease. Returns 1, or 0 when another owner has it. The server deletes expired leases later.
local lease, now = key('lease', args.name), clock()
local owner, since, over = unpack(call('HMGET', lease, 'owner', 'since', 'until'))
if owner and owner ~= args.owner and holds(since, over, now) then
  return 0
end
call('HSET', lease, 'owner', args.owner, 'since', now, 'until', now + args.seconds)
call('EXPIRE', lease, math.ceil(args.seconds) + 600)
return 1
