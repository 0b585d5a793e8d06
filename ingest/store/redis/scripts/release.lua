-- Release a lease.
local lease = key('lease', args.name)
if call('HGET', lease, 'owner') == args.owner then
  call('DEL', lease)
end
